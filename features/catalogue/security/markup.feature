@needs:accounts @needs:writes
Feature: Texts that clients send come back as data that no browser runs

  Background:
    Given a service that can say no

  Scenario: Markup that is stored
    Then markup in any text that is stored comes back as it was sent, as data

  Scenario: Markup that is not stored
    Then no answer to markup in any place of a request is a page
