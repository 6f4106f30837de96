"""Our models and the released ones on vLLM, without remote code: a plug-in that vLLM finds by itself.

    pip install "openmolmo[vllm]"
    vllm serve allenai/Molmo-7B-D-0924

Encoder, connector and processor are this project's; the language model is vLLM's own class, with its weights renamed,
so that its kernels, parallelism, quantisation and adapters are there. Where to start reading:
:mod:`~openmolmo.serving.vllm.model`. Nothing here is imported by anything else, and only
:mod:`~openmolmo.serving.vllm.model` and :mod:`~openmolmo.serving.vllm.pictures` import vLLM.

What had to be found out, and where it is dealt with:

1. Ids beyond the head's rows kill vLLM's engine as soon as a penalty is used: the vocabulary that vLLM sees has the
   special tokens' rows too (``config``), and their logits are masked (``weights``).
2. Prompts without a picture pass no processor: BOS is written with the conversation (``tokenizer``).
3. Configurations are pickled: they are classes of a module (``config``).
4. vLLM loads experts one by one: ours are split (``weights``).
5. OLMo 2 and SmolLM3 run through the ``transformers`` library inside vLLM, which changes that library's classes for
   the whole process: do not load a model by openmolmo in the process of such an engine.
6. Attention on processors knows heads of 32, 64, 80, 96, 112, 128 ... numbers, which ``launch`` says beforehand.
7. ``<im_patch>`` in a question is no picture: people's words are encoded as plain text (``tokenizer``).
8. ``vllm serve`` looks for a distribution named vllm: ``launch`` starts the server as a module.
9. vLLM reads the files of weights itself: names are changed as they come (``openmolmo.model.released.stream``).
"""
