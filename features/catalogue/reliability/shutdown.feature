@serial @needs:restarts @needs:process
Feature: The end of the process is announced and ordered, and loses nothing

  Scenario: Requests under way
    Given another instance under load over connections that are kept
    When that instance is told to end in the middle
    Then each request that it accepted was answered
    And the last answer on each connection announced its end
    And its parts ended in the declared order

  Scenario: A request that is still being sent
    Given another instance with a request of which not all is sent
    When that instance is told to end in the middle
    Then each request that it accepted was answered
    And its parts ended in the declared order

  Scenario: Whoever asks whether to send requests there
    Given another instance that says over connections that are kept that it is ready
    When that instance is told to end in the middle
    Then whoever asks it then is told that it is not ready any more
    And its parts ended in the declared order

  @about:jobs @needs:seeded-instances @needs:mint
  Scenario: Jobs under way
    Given another instance with jobs that no provider ever finishes
    When that instance is told to end in the middle
    Then each job that it accepted was delivered or is kept
    And its parts ended in the declared order
