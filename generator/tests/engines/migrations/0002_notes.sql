create table notes (id text primary key, person integer, body text not null);
create virtual table notes_text using fts5 (id unindexed, body);
create trigger notes_are_found after insert on notes begin
  insert into notes_text (id, body) values (new.id, new.body);
end;
create trigger notes_are_forgotten after delete on notes begin
  delete from notes_text where id = old.id;
end;
create trigger notes_are_not_empty before insert on notes when new.body = '' begin
  select raise(abort, 'a note says something');
end;
alter table notes add column pinned integer not null default 0;
alter table notes rename column person to author;
insert into people (email, name, age, score) values ('first@example.com', 'First', null, 1), ('second@example.com', 'Second', 17, 2.5);
