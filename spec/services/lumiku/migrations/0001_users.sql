create table users (
  id text primary key,
  email text not null unique collate nocase,
  name text not null,
  password_hash text not null,
  role text not null default 'user' check (role in ('user', 'admin')),
  tier text not null default 'free' check (tier in ('free', 'creator', 'enterprise')),
  tag text,
  balance integer not null default 0 check (balance >= 0),
  created_at text not null,
  updated_at text not null
);
create index users_by_creation on users (created_at);
create index users_by_tier on users (tier, created_at);

create table movements (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  kind text not null check (kind in ('grant', 'top_up', 'deduction', 'refund')),
  amount integer not null,
  reference text not null,
  created_at text not null
);
create index movements_by_user on movements (user_id, created_at);

create table refunds (
  movement_id text primary key references movements (id) on delete cascade,
  created_at text not null
);

create table payments (
  id text primary key,
  received_at text not null
);
create index payments_by_time on payments (received_at);
