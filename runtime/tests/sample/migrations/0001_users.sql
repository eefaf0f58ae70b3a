create table users (
  id text primary key,
  email text not null unique collate nocase,
  name text not null,
  password_hash text not null,
  role text not null default 'user' check (role in ('user', 'admin')),
  tier text not null default 'free' check (tier in ('free', 'pro', 'enterprise')),
  subscription_status text not null default 'inactive',
  preferences text not null default '{}',
  created_at text not null,
  updated_at text not null
);
create table user_metrics (
  user_id text primary key references users (id) on delete cascade,
  logins integer not null default 0,
  updated_at text not null
);
create table usage (
  user_id text not null references users (id) on delete cascade,
  day text not null,
  calls integer not null,
  primary key (user_id, day)
);
create table api_keys (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text not null,
  key_hash text not null unique,
  created_at text not null
);
