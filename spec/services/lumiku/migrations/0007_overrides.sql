create table overrides (
  name text primary key,
  value text not null,
  changed_at text not null,
  changed_by text not null
);
