-- Everything here is said as SQLite says it.
create table people (
  id integer primary key autoincrement,
  email text not null unique collate nocase,
  name varchar(80) not null,
  age integer check (age is null or age between 0 and 150),
  score real not null default 0,
  active boolean not null default true,
  born date,
  data text not null default '{}',
  noted text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
create index people_by_age on people (age desc, name);
create unique index people_by_name on people (lower(name)) where active;

create table "order" (
  person integer not null references people (id) on delete cascade,
  number integer not null,
  "Group" text collate nocase,
  amount integer not null,
  total real generated always as (amount * 1.5) stored,
  primary key (person, number)
) without rowid;

create view adults as select id, name, age from people where age >= 18;
