Feature: What is not declared does not exist

  Background:
    Given a service that can say no

  Scenario: Paths that nobody declared
    Then declared routes exist
    And paths that nobody declared are answered 404

  Scenario: Other spellings of declared paths
    Then declared routes exist
    And other spellings of declared paths do not lead to them

  Scenario: Methods that nobody declared
    Then declared routes exist
    And methods that a path does not declare are answered as the spec says
