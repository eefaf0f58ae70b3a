@serial @about:resumable-upload @needs:accounts @needs:writes @needs:large-files
Feature: A file of 2 GB is taken in parts of 10 MB and given back, in little memory, and tells how far it is

  Scenario: 2 GB
    Given a user
    When the user sends a file of 2 GB in parts of 10 MB
    Then the progress that was told grew with every part
    And the file comes back whole
    And the service never held 64 MB more in memory than before
