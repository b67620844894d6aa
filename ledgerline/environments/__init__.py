"""What the policy acts in: tools, episodes, outcomes."""
