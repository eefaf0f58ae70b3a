@serial @about:upstreams @needs:provider @needs:faults @needs:loopback
Feature: A provider that fails, lies or floods harms only what needs it

  Background:
    Given a service that can say no
    And every provider answers as it should

  Scenario: A provider that fails is left alone for a while
    Then each breaker opens after its failures, refuses at once, tries one call after its time, and closes

  Scenario: A provider that does not say what was asked
    Then no provider's answer that is not JSON does more than fail the call

  Scenario: A provider that never stops
    Then no provider's answer is read beyond what is declared

  Scenario: A provider that leads into the private network
    Then no provider leads the service to another address

  Scenario: A provider that has too much to do
    Then each provider that says when to come again is believed

  Scenario: A provider whose connections break
    Then no broken connection to a provider does more than fail the call

  Scenario: A provider that hangs
    Then no provider that hangs holds a call up for longer than declared
