create table lines (id text primary key) strict;
