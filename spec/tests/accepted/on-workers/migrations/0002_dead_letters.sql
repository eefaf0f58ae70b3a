create table dead_letters (
  id text primary key,
  queue text not null,
  message text not null,
  attempts integer not null,
  reason text not null,
  died_at text not null
) strict;
