@about:upload @needs:accounts @needs:writes @needs:plain-socket
Feature: A file that is too large is refused when that is known, and not kept until then

  Background:
    Given a user

  Scenario: It says so
    Then a file that says that it is too large is refused before it is sent

  Scenario: It does not say so
    Then a file that turns out to be too large is refused and leaves nothing
