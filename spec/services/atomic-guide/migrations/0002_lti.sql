alter table users add column lti_subject text;
create unique index users_by_lti_subject on users (lti_subject);

create table lti_logins (
  state text primary key,
  nonce text not null,
  browser text not null,
  issuer text not null,
  client_id text not null,
  expires_at text not null
);
create index lti_logins_by_end on lti_logins (expires_at);
