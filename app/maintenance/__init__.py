"""What keeps the database fit: partitions ahead, rollups fresh, ended visits gone."""
