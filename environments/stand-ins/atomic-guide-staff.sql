-- The administrator and the instructor that the acceptance checks act as. No password opens the accounts: tokens for
-- them are signed with the secret that is made up when the environment starts.
insert into users (id, email, name, password_hash, role, created_at)
values (
  '00000000-0000-7000-8000-000000000001', 'admin@acceptance.invalid', 'Acceptance administrator', '!', 'admin',
  '2026-01-01T00:00:00.000Z'
), (
  '00000000-0000-7000-8000-000000000002', 'instructor@acceptance.invalid', 'Acceptance instructor', '!', 'instructor',
  '2026-01-01T00:00:00.000Z'
);
