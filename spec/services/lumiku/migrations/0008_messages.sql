alter table dead_letters add column message_id text;
alter table dead_letters add column class text;
alter table dead_letters add column replaying_at text;

create table delivered_messages (
  id text primary key,
  queue text not null,
  delivered_at text not null
);
create index delivered_messages_by_time on delivered_messages (delivered_at);
