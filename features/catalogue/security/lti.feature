@serial @about:lti @needs:provider @needs:admin @needs:writes
Feature: A learning platform lets its people in, and nobody else can pretend to be one

  Background:
    Given a service that can say no
    And a learning platform that is registered

  Scenario: A launch
    Then a launch from it begins a session

  Scenario: Who comes, and as what
    Then who comes again is who came before, and who has the same name elsewhere is somebody else
    And what the platform calls somebody is told at once, whatever a cache still has
    And what somebody is on the platform makes their role here, and what only looks like it does not

  Scenario: What is used once
    Then a launch from it begins a session
    And a launch that is sent again is refused
    And a token for one log-in is refused in another
    And a launch in another browser than the one that began it is refused
    And a launch that nobody began is refused
    And a launch from it begins a session

  Scenario: Tokens that the platform did not sign
    Then a launch from it begins a session
    And a token that the platform did not sign in the declared way is refused
    And what is no token is refused
    And a launch from it begins a session

  Scenario: Tokens that say something else
    Then a launch from it begins a session
    And a token whose claims are each wrong in one way is refused although its signature is right
    And a launch from it begins a session

  Scenario: Keys that change
    Then a key that the platform took up is accepted, and one that it gave up is not

  Scenario: Keys that nobody has
    Then naming many keys that the platform does not have makes it asked for its keys once more

  @needs:faults
  Scenario: Key sets of a hostile platform
    Then a launch from it begins a session
    And a key set that is too large, is none, or leads elsewhere lets nobody in

  Scenario: Ways that lead elsewhere
    Then a launch from it begins a session
    And no log-in and no launch leads to a page of somebody else
    And a log-in from a platform or a deployment that is not registered is refused
    And a registration that leads the service elsewhere is refused
    And a launch from it begins a session

  Scenario: What somebody chose
    Then what somebody chose comes back once, signed with the key that the service publishes
    And a choice is refused when it is told by somebody else, or is not what the platform takes
