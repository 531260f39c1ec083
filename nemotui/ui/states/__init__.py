"""What each pane shows, as frozen states with a pure `after(event)`: the console's logic, testable without a screen."""
