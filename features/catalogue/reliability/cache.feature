@serial @about:cache @needs:accounts @needs:writes
Feature: A cached answer is never given again once what it tells has changed, and a cache that fails fails no request

  Scenario: Who changes something reads the change
    Given a user
    And an answer that is cached and that the user can change
    Then a second answer comes from the cache and is the same
    When the user changes it and reads it again 5 times
    Then every request is answered as declared
    And every read gives what was changed before it

  @needs:faults @needs:loopback
  Scenario: It changes while it is read
    Given a user
    And an answer that is cached and that the user can change
    When the user changes it 3 times while an older answer is still under way, and reads it again
    Then every request is answered as declared
    And every read gives what was changed before it

  @needs:admin
  Scenario: Somebody else changes something of a user
    Given a user
    And an answer that is cached and that the user can change
    Then the user reads at once what an administrator changes of them

  Scenario: Something is made or removed
    Given a user
    Then each cached list shows what was made after it was read, and no longer what was removed

  @needs:faults @needs:loopback
  Scenario: Whose answer it is
    Given a user
    And another user
    Then no cached answer is given to another user or to another question

  @needs:faults @needs:loopback
  Scenario: The cache is cut off
    Given a user
    And an answer that is cached and that the user can change
    When the cache is cut off
    And the user reads it again 2 times
    And the user changes it and reads it again 5 times
    Then every request is answered as declared
    And every read gives what was changed before it
    When the cache is there again
    And the user reads it again 5 times
    Then every request is answered as declared
    And every read gives what was changed before it

  @needs:faults @needs:loopback
  Scenario: The cache answers too late
    Given a user
    And an answer that is cached and that the user can change
    When the cache takes 60 s for every answer
    And the user reads it again 2 times
    And the user changes it and reads it again 2 times
    Then every request is answered as declared
    And every read gives what was changed before it

  @about:fault-proxy @needs:faults
  Scenario: The connection to the cache is cut
    Given a user
    And an answer that is cached and that the user can change
    When the connection to the cache is cut
    And the user reads it again 2 times
    And the user changes it and reads it again 5 times
    Then every request is answered as declared
    And every read gives what was changed before it
    When every connection is whole again
    And the user reads it again 5 times
    Then every request is answered as declared
    And every read gives what was changed before it

  @about:fault-proxy @needs:faults
  Scenario: The server of the cache answers after 3 s
    Given a user
    And an answer that is cached and that the user can change
    When the cache answers after 3 s
    And the user reads it again 2 times
    And the user changes it and reads it again 2 times
    Then every request is answered as declared
    And every read gives what was changed before it

  @needs:faults @needs:loopback
  Scenario: What the cache has is damaged
    Given a user
    And an answer that is cached and that the user can change
    When the cache gives back half of what it was given
    And the user reads it again 2 times
    And the user changes it and reads it again 5 times
    Then every request is answered as declared
    And every read gives what was changed before it
