@about:rooms @needs:accounts @needs:writes @needs:admin @needs:plain-socket
Feature: Those who are in a room hear each other, and nobody else does

  Scenario: Who may not enter is refused before there is a connection
    Given a user
    Then a room is not entered without a credential, with a forged one, without a room, or without switching protocols
    And a token is taken from the subprotocols of a room, as pages send it

  @about:cors
  Scenario: Pages of foreign origins
    Given a user
    Then pages of listed origins may enter a room, and pages of no other origin

  Scenario: Two rooms
    Given a user
    And another user
    Then what one says is heard in the same room, under the name that the service knows, and in no other room

  Scenario: Who comes and goes
    Given a user
    And another user
    Then those in a room are told who comes and who goes, and who enters again has one place

  Scenario: What is no message
    Given a user
    And another user
    Then what does not follow the schema is refused, and the others see nothing of it
    And what is too large, no text or too much ends the connection, and the others see nothing of it

  Scenario: A full room
    Given a user
    And another user
    Then a room takes as many as declared, refuses one more, and takes another one once somebody has left

  @needs:mint
  Scenario: A session that ends
    Given a user
    And another user
    Then a session that ends ends the connection to a room

  @serial @needs:logs
  Scenario: A room that sleeps
    Given a user
    And another user
    Then a room that slept knows who is in it
