@about:upload @needs:accounts @needs:writes
Feature: What a file is, its content says; its name leads nowhere; and nothing large is held in memory

  Background:
    Given a service that can say no
    And a user

  Scenario: The content decides
    Then a file of each kind that is taken comes back as it was, and as what it is
    And a file whose content is not what it is said to be is refused and leaves nothing
    And a file whose content is of no kind that is taken is refused and leaves nothing

  Scenario: Names
    Then a file with an ordinary name keeps it
    And a name that leads elsewhere is refused or made harmless, in every encoding

  Scenario: Bombs
    Then an image with as many pixels as are allowed is taken
    And an image with more pixels is refused and leaves nothing
    And a file that is packed is refused and leaves nothing
    And a file that says that it is too large is refused before it is sent
    And the service holds less than 64 MB more in memory than before

  @needs:plain-socket
  Scenario: Broken off
    Then a file that breaks off leaves nothing
    And a file of each kind that is taken comes back as it was, and as what it is

  @about:resumable-upload
  Scenario: In several requests
    Given another user
    Then a file in several requests tells how far it is, goes on after a break and comes back as it was
    And the other user can neither see nor continue nor end it
    And a part at a wrong offset is refused and changes nothing
    And a file in several requests that is no file of a kind that is taken is refused
    And an upload that is given up leaves nothing

  @serial @about:resumable-upload @needs:process @needs:faults @needs:loopback @needs:mint
  Scenario: An upload that nobody goes on with
    Then an upload that nobody goes on with is there for as long as is declared, and not longer
