create table uploads (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  key text not null,
  name text not null,
  type text not null,
  size integer not null,
  sha256 text not null,
  created_at text not null
);
create index uploads_by_user on uploads (user_id, created_at);
