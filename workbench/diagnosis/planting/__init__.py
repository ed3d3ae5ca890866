"""What planted faults share."""
