Feature: What may be kept is kept for as long as is declared, and nothing else is

  @about:assets
  Scenario: Static files
    Then every static file is kept for a year under an address that is its own digest
    And every other address of it leads there and is kept for five minutes at most

  @about:lti
  Scenario: What learning platforms are told of the service
    Then what platforms read of the service is kept for an hour

  @serial @about:cache @needs:accounts @needs:writes
  Scenario: Answers that the service keeps
    Given a user
    Then every cached answer holds for as long as is declared, and nobody else keeps it

  @needs:accounts @needs:writes
  Scenario: Everything else
    Given a user
    Then nothing else that the user reads may be kept
