Feature: A public environment refuses plain HTTP for API routes and sets HSTS

  Scenario: Browsers are told to stay with HTTPS
    Given a service that can say no
    Then every answer over HTTPS tells browsers to stay with it

  @needs:public
  Scenario: Plain HTTP
    Given a service that can say no
    Then the service refuses plain HTTP on every route
