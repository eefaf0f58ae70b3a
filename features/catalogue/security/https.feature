Feature: A service is reached over TLS that others can trust, and not without it

  Scenario: Browsers are told to stay with HTTPS
    Given a service that can say no
    Then every answer over HTTPS tells browsers to stay with it

  @needs:tls
  Scenario: The certificate
    When the service shows its certificate
    Then it is for the service's host, and somebody who is trusted issued it
    And it stays valid for long enough to be renewed
    And it would be refused for another host

  @needs:tls
  Scenario: Versions of TLS
    Then TLS 1.2 or TLS 1.3 is accepted
    And a hello that is made by hand is answered in one of them
    And the same hello in SSL 3.0, TLS 1.0 and TLS 1.1 is refused

  @needs:tls
  Scenario: Plain HTTP
    Given the service answers over HTTPS
    Then plain HTTP is refused on every route, and nothing else is served over it
