@serial @about:machines @needs:accounts @needs:writes @needs:admin @needs:faults @needs:loopback
Feature: What goes from state to state takes only the ways that are declared

  Scenario: Every transition is tried from every state
    Given a user
    When nobody but the check moves anything
    Then every declared transition is made, and every other one is refused as a conflict and changes nothing
