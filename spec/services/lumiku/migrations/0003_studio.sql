create table projects (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text not null,
  description text not null default '',
  created_at text not null,
  updated_at text not null
);
create index projects_by_user on projects (user_id, created_at);

create table avatars (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text not null,
  prompt text not null,
  created_at text not null,
  updated_at text not null
);
create index avatars_by_user on avatars (user_id, created_at);

create table poses (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text not null,
  skeleton text not null,
  created_at text not null,
  updated_at text not null
);
create index poses_by_user on poses (user_id, created_at);
