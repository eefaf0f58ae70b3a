Feature: Formats, members, types, lengths and sizes are enforced on every route with a body or parameters

  Background:
    Given a service that can say no

  @needs:principal @needs:writes
  Scenario: Bodies
    Then every body that just keeps its schema is not refused as invalid
    And every body that breaks its schema is refused, telling what is wrong as the spec declares

  @needs:principal @needs:writes
  Scenario: Several violations
    Then all violations of a body are reported at once

  @needs:principal @needs:writes
  Scenario: Sizes and types of bodies
    Then a body that is too large, no JSON or of another type is refused as such

  @needs:principal @needs:writes
  Scenario: What can be read in two ways
    Then a body with a member twice and a query with a parameter twice are refused

  @about:webhook @needs:webhook-secret @needs:writes
  Scenario: Signed bodies
    Then every signed body that just keeps its schema is not refused as invalid
    And every signed body that breaks its schema is refused

  # A list of all accounts must not show those of other scenarios: environments are compared.
  @serial @needs:principal
  Scenario: Queries
    Then every query that just keeps its schema is not refused as invalid
    And every query that breaks its schema is refused, telling what is wrong as the spec declares

  @needs:principal
  Scenario: Parameters in paths
    Then every parameter in a path that keeps its schema is not refused as invalid
    And every parameter in a path that breaks its schema is refused
