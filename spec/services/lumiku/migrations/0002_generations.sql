create table models (
  id text primary key,
  name text not null,
  kind text not null check (kind in ('text', 'image', 'video', 'pose')),
  cost integer not null check (cost >= 0)
);
create index models_by_name on models (name);
insert into models (id, name, kind, cost) values
  ('writer', 'Writer', 'text', 1),
  ('painter', 'Painter', 'image', 5),
  ('director', 'Director', 'video', 25),
  ('poser', 'Poser', 'pose', 2);

create table plugins (
  id text primary key,
  name text not null,
  settings text not null default '{}',
  updated_at text not null
);
create index plugins_by_name on plugins (name);
insert into plugins (id, name, settings, updated_at) values
  ('pose-generator', 'Pose generator', '{}', '2026-01-01T00:00:00.000Z'),
  ('avatar-creator', 'Avatar creator', '{}', '2026-01-01T00:00:00.000Z');

create table styles (
  id text primary key,
  name text not null,
  prompt text not null
);
create index styles_by_name on styles (name);
insert into styles (id, name, prompt) values
  ('photo', 'Photograph', 'a photograph in natural light'),
  ('ink', 'Ink drawing', 'a drawing in black ink');

create table generations (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  model text not null references models (id),
  prompt text not null,
  status text not null default 'queued'
    check (status in ('queued', 'processing', 'completed', 'failed', 'cancelled')),
  movement_id text not null references movements (id),
  result text,
  created_at text not null,
  updated_at text not null
);
create index generations_by_user on generations (user_id, created_at);
create index generations_by_status on generations (status, updated_at);
create index generations_by_movement on generations (movement_id);
