create table dead_letters (
  id text primary key,
  queue text not null,
  message text not null,
  attempts integer not null,
  reason text not null,
  died_at text not null,
  replayed_at text
);
create index dead_letters_by_queue on dead_letters (queue, died_at);
create index dead_letters_by_time on dead_letters (died_at);
