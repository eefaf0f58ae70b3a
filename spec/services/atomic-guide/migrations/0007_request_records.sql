-- Requests that were answered, as the queue of analytics brings them.
create table request_records (
  id text primary key,
  time text not null,
  path text,
  method text not null,
  status integer not null,
  duration_ms real not null,
  user_agent text,
  country text,
  colo text
);
create index request_records_by_time on request_records (time);
create index request_records_by_user_agent on request_records (user_agent, time);
