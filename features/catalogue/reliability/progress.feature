@about:watch @needs:accounts @needs:writes @needs:plain-socket
Feature: What changes is followed over a WebSocket, and is what asking gives

  @serial @needs:admin @needs:faults @needs:loopback
  Scenario: From the beginning to each end
    Given a user
    When nobody but the check moves anything
    Then each change is told as asking gives it, and the last one closes the connection

  @serial @needs:faults @needs:loopback
  Scenario: Who may ask may follow
    Given a user
    And another user
    When nobody but the check moves anything
    Then nobody follows without a credential or what is another user's
    And one user follows as often as declared, and no more

  Scenario: Tokens of pages
    Given a user
    Then a token is taken from the subprotocols, as pages send it

  @about:cors
  Scenario: Pages of foreign origins
    Given a user
    Then pages of listed origins may follow, and pages of no other origin

  @serial @about:flags @needs:admin
  Scenario: While its flag is off
    Given a user
    Then it is answered over HTTP while its flag is off

  @serial @needs:mint @needs:faults @needs:loopback
  Scenario: A session that ends
    Given a user
    When nobody but the check moves anything
    Then a session that ends ends what it follows
