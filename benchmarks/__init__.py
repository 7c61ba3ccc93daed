"""How fast this package is beside what else you could use: `make bench`, or `make bench ONLY=score` for one family.

    families   sft        six variants side by side against six runs of TRL, and against our own loop one after another
               score      losses of 1,000 rows against plain transformers loops
               grpo       reinforcement, one variant and six side by side, against runs of TRL
               irt        fits of item response theory, 976 people x 90 items (no peer)
               draws      what a method itself takes between two steps, at 10 thousand and 1 million rows (no peer)
               bootstrap  intervals of aggregates against rliable, each side in a process of its own
               kernels    kernels that a GPU would start, counted on a CPU (no peer)

Both sides of any other ratio run in one process on one thread, in turns, with the same model, data, precision and token
counts; what is compared is the median over the turns. One such figure: {"name": "score_vs_batch1", "ours": 309.0,
"peer": 97.0, "unit": "rows/s", "ratio": 3.19, "note": "..."}; a ratio above 1 means that ours is the better one.
"""
