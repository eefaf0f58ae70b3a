create table requests (
  id text primary key,
  record text not null
);
