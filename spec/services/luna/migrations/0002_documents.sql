create table documents (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  title text not null,
  content text not null,
  created_at text not null
);
create index documents_by_user on documents (user_id, created_at);

create virtual table documents_text using fts5 (id unindexed, title, content);

create trigger documents_text_follows_delete after delete on documents begin
  delete from documents_text where id = old.id;
end;
