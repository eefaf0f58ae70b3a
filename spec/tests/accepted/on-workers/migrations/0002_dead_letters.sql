create table dead_letters (
  id text primary key,
  queue text not null,
  message_id text,
  message text not null,
  attempts integer not null,
  class text,
  reason text not null,
  died_at text not null,
  replaying_at text,
  replayed_at text
) strict;
