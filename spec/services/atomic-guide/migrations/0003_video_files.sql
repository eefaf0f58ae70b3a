alter table videos add column user_id text references users (id) on delete cascade;
alter table videos add column name text;
alter table videos add column key text;
alter table videos add column type text;
alter table videos add column size integer;
alter table videos add column sha256 text;
create index videos_by_user on videos (user_id, created_at);
