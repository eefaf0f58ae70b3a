create table unfinished_uploads (
  id text primary key,
  revision integer not null,
  state text not null,
  expires_at text not null
);
create index unfinished_uploads_by_time on unfinished_uploads (expires_at);

create table removed_files (
  key text not null,
  store text not null,
  removed_at text not null,
  primary key (key, store)
);
create index removed_files_by_time on removed_files (removed_at);
