#!/usr/bin/env bash
# models.sh QA PYTHON OUT: the suites' models by their own generators, the ONNX part; Python with numpy, onnx and ml_dtypes. Models of TensorRT and
# PyTorch are the ONNX ones under those names.
set -u
qa=$1 python=$2 out=$3
cd "$qa/common" || exit 1
onnx="--onnx --onnx_opset=17"
generate() { # GENERATOR FLAGS FOLDER
  "$python" "gen_qa_$1.py" $2 --models_dir="$out/$3" >>"$out/generate.log" 2>&1 || echo "gen_qa_$1.py $2 failed: see $out/generate.log" >&2
}
mkdir -p "$out"
generate models "$onnx" qa_model_repository
generate models "$onnx --variable" qa_variable_model_repository
generate identity_models "$onnx" qa_identity_model_repository
generate reshape_models "$onnx --variable" qa_reshape_model_repository
generate ragged_models "$onnx" qa_ragged_model_repository
generate ort_scalar_models --onnx_opset=17 qa_scalar_models
generate sequence_models "$onnx" qa_sequence_model_repository
generate sequence_models "$onnx --variable" qa_variable_sequence_model_repository
generate dyna_sequence_models "$onnx" qa_dyna_sequence_model_repository
generate implicit_models "$onnx" qa_sequence_implicit_model_repository
generate implicit_models "$onnx --variable" qa_variable_sequence_implicit_model_repository
generate implicit_models "$onnx --initial-state zero" qa_sequence_initial_state_implicit_model_repository
generate implicit_models "$onnx --initial-state zero --variable" qa_variable_sequence_initial_state_implicit_model_repository
for kind in models reshape_models identity_models sequence_models; do
  generate $kind --ensemble qa_ensemble_model_repository/qa_${kind%s}_repository
done
generate sequence_models "--ensemble --variable" qa_ensemble_model_repository/qa_variable_sequence_model_repository
"$python" "$(dirname "$(readlink -f "$0")")/copies.py" "$out" >>"$out/generate.log" 2>&1
# There is no GPU here.
grep -rl KIND_GPU "$out" --include=config.pbtxt | xargs -r sed -i 's/KIND_GPU/KIND_CPU/'
