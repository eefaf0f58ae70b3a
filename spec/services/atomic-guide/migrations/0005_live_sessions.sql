create table live_sessions (
  id text primary key,
  host_id text not null references users (id) on delete cascade,
  title text not null,
  created_at text not null
);
create index live_sessions_by_time on live_sessions (created_at);
create index live_sessions_by_host on live_sessions (host_id);
