Feature: Every answer carries the declared security headers, errors included

  Scenario: Security headers on every kind of answer
    Given a service that can say no
    When answers of every kind are collected
    Then every answer carries the security headers that the spec declares
    And no answer may be taken for another type of content
    And no answer says what software makes it
    And by the rules of a public observatory every answer is graded A or better
