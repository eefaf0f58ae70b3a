create table accounts (
  id text primary key,
  email text not null unique collate nocase,
  salt text not null,
  hash text not null
);

create table parcels (
  id text primary key,
  owner text not null references accounts (id) on delete cascade,
  label text not null,
  note text not null,
  grams integer not null
);
create index parcels_by_owner on parcels (owner);
