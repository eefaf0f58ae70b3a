@needs:faults @needs:accounts @needs:writes
Feature: What belongs together is written together, or not at all

  Background:
    Given a service that can say no

  @serial
  Scenario: A write in the middle fails
    Given a user
    Then each write of each transaction is made to fail, and nothing of it is left
