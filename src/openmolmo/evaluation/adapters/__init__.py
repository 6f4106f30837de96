"""Our models inside the harnesses that others use; each file is imported by its harness, or by who uses it.

lm_evaluation_harness.py  text alone: log-likelihoods and generation (lm-evaluation-harness)
inspect.py                a model provider (inspect_ai, which finds it by entry point)
lmms_eval.py              pictures, with tags and crops by task (lmms-eval, which finds it by entry point)
vlmevalkit.py             pictures, with tags and crops by data set (VLMEvalKit, registered at run time)
wording.py                how the questions of the picture harnesses are put to our models
text_model.py             a model without pictures: tokens in, log-likelihoods or text out
"""
