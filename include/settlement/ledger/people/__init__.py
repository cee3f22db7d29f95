"""What people are asked and decide: questions, approvals, the stop flag, holds, what is ignored."""
