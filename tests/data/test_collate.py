"""What a collated batch holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from data_toys import toy_tokens

from openmolmo.core.errors import DataError
from openmolmo.data.collate import collate, collate_arrays
from openmolmo.prompting.sequence import join_images


def test_rows_are_padded_to_the_longest_and_images_are_joined() -> None:
    a, b, c = toy_tokens(5, 7, crops=2), toy_tokens(4, 8), toy_tokens(6, 9, crops=1)
    batch = collate([[a, b], [c]])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 5, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 0, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 0, 0, 0]]
    assert batch["example_ids"].tolist() == [[0] * 5 + [1] * 4, [0] * 6 + [-1] * 3]
    assert batch["branch_ids"][1].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert batch["labels"][0].tolist() == [7] * 5 + [8] * 4
    assert batch["loss_weights"][1].tolist() == [1.0] * 6 + [0.0] * 3
    assert batch["crops"].shape == (3, 3, 2, 2)
    assert batch["crops"][:, 0, 0, 0].tolist() == [7, 7, 9]
    assert batch["patch_mask"].shape == (3, 4)
    assert batch["pooled_patches"].tolist() == [[0, 1], [4, 5], [-1, -1], [8, 9], [-1, -1]]
    kinds = {key: tensor.dtype for key, tensor in batch.items()}
    floats = {"loss_weights", "crops", "patch_mask"}
    assert all(kinds[key] == (torch.float32 if key in floats else torch.int64) for key in kinds)


def test_several_images_of_one_example_do_not_overlap() -> None:
    two = toy_tokens(5, 1, crops=1)
    two.images = two.images * 2
    pooled = collate([[two]])["pooled_patches"]
    assert pooled.tolist() == [[0, 1], [-1, -1], [4, 5], [-1, -1]]
    assert np.array_equal(two.images[0].pooled_patches, [[0, 1], [-1, -1]])  # the example is untouched


def test_a_picture_of_several_prompts_is_there_once_where_it_is_only_read() -> None:
    two, other = toy_tokens(5, 1, crops=1), toy_tokens(5, 2, crops=1)
    two.images = [two.images[0], other.images[0], two.images[0]]
    joined = join_images([two, other], once=True)
    assert joined["crops"].shape[0] == 2 and joined["patch_mask"].shape[0] == 2
    assert joined["pooled_patches"].tolist() == [[0, 1], [-1, -1], [4, 5], [-1, -1], [0, 1], [-1, -1], [4, 5], [-1, -1]]


def test_a_fixed_row_length_pads_or_refuses() -> None:
    assert collate([[toy_tokens(5, 1)]], row_length=8)["input_ids"].shape == (1, 8)
    with pytest.raises(DataError, match="holds 9 tokens, more than row_length=8"):
        collate([[toy_tokens(5, 1), toy_tokens(4, 1)]], row_length=8)


def test_text_only_batches_have_no_crops() -> None:
    batch = collate([[toy_tokens(3, 1)]])
    assert batch["crops"].shape[0] == batch["pooled_patches"].shape[0] == batch["patch_mask"].shape[0] == 0


def test_examples_that_are_not_kept_apart_are_one_example() -> None:
    rows = [[toy_tokens(5, 7), toy_tokens(4, 8)], [toy_tokens(6, 9)]]
    apart, together = collate_arrays(rows), collate_arrays(rows, isolate=False)
    assert together["example_ids"].tolist() == [[0] * 9, [0] * 6 + [-1] * 3]
    assert all(np.array_equal(apart[key], together[key]) for key in apart if key != "example_ids")
