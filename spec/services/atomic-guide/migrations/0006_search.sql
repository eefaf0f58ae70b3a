-- Questions are found by what they mean: the words' own index is gone.
drop trigger faqs_text_follows_delete;
drop table faqs_text;

-- When a question was put into the index of vectors; those that were there before are indexed by a task.
alter table faqs add column indexed_at text;
create index faqs_pending on faqs (id) where indexed_at is null;

-- Vectors where the platform's own index is not there.
create table faq_vectors (
  id text primary key,
  vector text not null
);
