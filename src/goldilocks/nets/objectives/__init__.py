"""What networks are trained to minimise besides the loss of their head: distillation, contrast, penalties."""
