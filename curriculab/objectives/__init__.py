"""Objectives: settings of a training step, what they read from rows, and the loss they give.

Sft(lr=1e-3)            # supervised: negative log-likelihood of the learned tokens
Grpo(scale="none")      # policy gradient with advantages relative to a group of answers
"""
